//! The BGP finite state machine and capability negotiation, without I/O or clock.
