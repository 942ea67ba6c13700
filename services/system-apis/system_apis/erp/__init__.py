"""The ERP system API: legal entities, reference data, customer accounts and project shells."""
