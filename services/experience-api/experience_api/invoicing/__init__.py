"""The invoicing screen: what is approved and not billed, invoices by their states, who is waited for, what failed."""
