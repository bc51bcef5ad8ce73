// core/numeric/sortable_key.h: larger key = better score. -0 equals +0, NaN ranks below -inf with key 0.
uint sortable_key(uint bits) {
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0u;
  if (bits == 0x80000000u) return 0x80000000u;
  return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}
