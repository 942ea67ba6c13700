"""The system layer as the processes see it: one small client per capability, over HTTP, with canonical types only."""
