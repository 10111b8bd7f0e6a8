//! Dataplane drivers: forwarding intent in, kernel state out.
