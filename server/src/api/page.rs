//! Lists, piece by piece.
