"""The demo firm told to each platform in that platform's own form."""
