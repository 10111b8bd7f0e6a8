//! The REST API of bagpipe-bgp: bodies and a client.
