//! Who may write what, by the admission policies and the rights that are installed: docs/security.md, row by row.

mod decisions;
mod guards;
mod operator;
mod products;
mod tenants;
