"""The PSA system API: projects, their plan and their staffing."""
