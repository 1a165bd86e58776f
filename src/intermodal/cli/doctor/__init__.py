"""The command ``doctor``: what would happen to a GET of a URL, looked at part by part, and no request is sent."""
