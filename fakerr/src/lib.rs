//! The fake BGP route reflector.
