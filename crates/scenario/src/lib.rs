//! Scenario files: parsed with spans, resolved into what is meant, errors that point at the place.
