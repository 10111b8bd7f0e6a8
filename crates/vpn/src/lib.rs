//! VPN instances (EVIs): attachments in, routes and forwarding intent out.
