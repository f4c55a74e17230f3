//! An application: names, order, differences.

mod made;
mod map;
mod plan;
mod template;
