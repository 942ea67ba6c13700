"""The gateway: compiles contracts into the edge's configuration, issues tokens, publishes the documentation."""
