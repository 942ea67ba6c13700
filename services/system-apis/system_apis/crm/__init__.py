"""The CRM system API: customers, opportunities and contracts."""
