// An entry of the list of tiles, 16 bytes: the rows [y, z) of expert x, at most a tile's.
const uint kNoTile = 0xffffffffu;    // as expert: beyond the list
const uint kTailTile = 0xfffffffeu;  // as expert: rows behind the last expert's, which become zeros
