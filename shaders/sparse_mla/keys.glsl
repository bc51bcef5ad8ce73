// The slots that a token was given.
uint key_count(uint token) {
  if (arguments.lengths == 0ul) return arguments.entries;
  return min(arguments.entries, uint(max(Ints(arguments.lengths).at[token], 0)));
}

int key_slot(uint token, uint i) { return Ints(arguments.slots + token * arguments.slots_stride).at[i]; }
