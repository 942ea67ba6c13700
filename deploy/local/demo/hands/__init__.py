"""What the firm's people do in the platforms themselves during the fortnight, each platform in its own words."""
