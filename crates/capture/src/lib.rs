//! Frames to facts: dissection, pcapng, TCP reassembly, BGP out of packets, packet matching.
