// A thread per few elements of a sheet of rows: a work group of 256 threads takes kAcross x 4 columns of
// 256 / kAcross rows, neighbouring threads neighbouring columns. backends/vulkan/sheet.h chooses kAcross.
const uint kThreads = 256;
const uint kPerThread = 4;
layout(local_size_x = 256) in;

layout(constant_id = 7) const uint kAcross = 256;  // a power of two, at most 256

// Element j of a thread, j < kPerThread, lies in column `column` + j * kAcross.
struct SheetPlace {
  uint row, column;
};

SheetPlace sheet_place(uint width) {
  const uint columns = kAcross * kPerThread, across = (width + columns - 1u) / columns;
  const uint group = group_index(), me = gl_LocalInvocationIndex;
  return SheetPlace(group / across * (kThreads / kAcross) + me / kAcross,
                    group % across * columns + me % kAcross);
}
