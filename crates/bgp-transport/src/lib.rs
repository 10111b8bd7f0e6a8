//! The tokio edge of BGP: runs a session over TCP.
