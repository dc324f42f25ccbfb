bool MayAbort(Phase phase) {
  switch (phase) {
    case Phase::kCutover:
      return true;
    default:
      return false;
  }
}
bool Digit(char c) {
  switch (c) {
    case '0':
      return true;
    default:
      return false;
  }
}
bool Nested(Phase phase, char c) {
  switch (phase) {
    case Phase::kCutover:
      switch (c) {
        case 'x':
          return true;
        default:
          return false;
      }
  }
}
bool OpenSet(int oid) {
  switch (oid) {
    case kOidInt4:
      return true;
    default:
      return false;
  }
}
