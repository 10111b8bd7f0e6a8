//! A BGP VPN speaker for a compute node, and its tools.
