// A scan over a work group of 256 threads with three barriers, for selections that scan several times a row.
// It holds for any subgroup size. The including shader declares kThreads = 256.
const uint kScanRun = 16;  // threads of a run, and runs

shared uint scan_values[kThreads];
shared uint scan_runs[kScanRun];

// The sum of the values of all threads up to and with this one; `total` that of all.
uint scan_values_of_group(uint value, out uint total) {
  const uint me = gl_LocalInvocationIndex;
  barrier();
  scan_values[me] = value;
  barrier();
  if (me < kScanRun) {
    uint sum = 0u;
    for (uint i = 0u; i < kScanRun; ++i) sum += scan_values[me * kScanRun + i];
    scan_runs[me] = sum;
  }
  barrier();
  uint upto = 0u;
  total = 0u;
  for (uint run = 0u; run < kScanRun; ++run) {
    if (run < me / kScanRun) upto += scan_runs[run];
    total += scan_runs[run];
  }
  for (uint i = me / kScanRun * kScanRun; i <= me; ++i) upto += scan_values[i];
  return upto;
}
