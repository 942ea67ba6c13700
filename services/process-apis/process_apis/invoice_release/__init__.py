"""invoice-release: approved work becomes an issued invoice and a posted receivable, once."""
