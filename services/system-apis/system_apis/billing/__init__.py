"""The billing system API: billing accounts and schedules."""
