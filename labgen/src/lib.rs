//! BGP VPN labs out of one file: build, break, prove with packets, explain.
