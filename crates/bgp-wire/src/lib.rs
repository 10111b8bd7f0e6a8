//! BGP messages, attributes and NLRI: a raw layer that can express anything, a typed layer on top, RFC 7606 verdicts.
