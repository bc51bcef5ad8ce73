// All keys that a token sees of its own paged sequence.
uint key_count(uint token) {
  const uint64_t most = uint64_t(arguments.table.width) * arguments.table.page_size;
  return uint(min(uint64_t(max(Ints(arguments.ke).at[token], 0)), most));
}

int key_slot(uint token, uint i) {
  return paged_slot(arguments.table, Ints(arguments.sequence).at[token], i);
}
