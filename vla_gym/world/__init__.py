"""The table: objects, scene, placement, state, predicates and cameras, all batch first."""
