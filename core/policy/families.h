// The words that kernel rows may name as their families: SGLang's names of the kernels that a row stands for,
// and tamis's own for rows that stand for none of them.
#pragma once

#include <span>

namespace tamis {

struct FamilyInfo {
  const char* name;
  const char* ops;   // "attention", "linear and experts", "indexer", "any"
  const char* what;  // one clause
};
std::span<const FamilyInfo> known_families();

}  // namespace tamis
