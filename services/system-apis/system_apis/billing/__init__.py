"""The billing system API: billing accounts and schedules, invoices and credit notes."""
