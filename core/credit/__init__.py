"""Credit: accounts, their ledger, what is charged and who is paid."""
