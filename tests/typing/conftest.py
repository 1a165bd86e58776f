"""What is checked here is imported by no doctest: refused.py is made of mistakes."""

collect_ignore = ["calls.py", "clients.py", "flows.py", "refused.py", "responses.py", "transports.py", "values.py"]
