"""How bytes get there, decided without sockets: roads, pools and deadlines are values and pure steps."""
