"""The ERP system API: legal entities, reference data, customer accounts, project shells, receivables, the ledger."""
