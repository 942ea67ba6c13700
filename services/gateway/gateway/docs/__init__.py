"""The documentation portal: every API's contract, problem type and event as pages, and discovery for machines."""
