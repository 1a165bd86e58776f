"""How HTTP behaves above a transport: one concern a file, one flow a file."""
