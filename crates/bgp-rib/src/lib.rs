//! Route tables: publish/subscribe on route targets, RT-Constraint, reflection rules, best path.
