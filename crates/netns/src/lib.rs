//! Linux namespaces, links, processes and capture sockets; no BGP in here.
