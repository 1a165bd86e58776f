"""What a process of its own does with a client that it is sent."""


def ask(client, url):
    """Send one GET, and give what was answered and the settings that it was sent with."""
    response = client.get(url)
    transport = client.transport
    client.close()
    return response.json()["headers"], transport.info.name, transport._dialer.limits
