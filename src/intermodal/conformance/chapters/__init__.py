"""The cases, one file for each clause of the contract."""
