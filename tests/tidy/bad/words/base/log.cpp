// FIXME: later
// TODO: later
// TODO(#12): waits for the schema
