/** Container limits, read from copies of /proc/self and /sys/fs/cgroup. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { binding } from '../../lib/native/binding.js';

const V2_MOUNT = '30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';

/** path -> content */
type Files = Record<string, string>;

const CASES: { name: string; files: Files; cpus: number | null; memory: number | null }[] = [
  { name: 'nothing mounted', files: { 'proc/self/cgroup': '0::/\n' }, cpus: null, memory: null },
  {
    name: 'version 2, the tightest of the group and its parents',
    files: {
      'proc/self/cgroup': '0::/a/b\n',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/a/b/cpu.max': '300000 100000\n',
      'sys/fs/cgroup/a/cpu.max': '150000 100000\n',
      'sys/fs/cgroup/a/b/memory.max': '1073741824\n',
      'sys/fs/cgroup/a/memory.max': 'max\n',
    },
    cpus: 1.5,
    memory: 2 ** 30,
  },
  {
    name: 'version 2 without limits',
    files: {
      'proc/self/cgroup': '0::/a\n',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/a/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/a/memory.max': 'max\n',
    },
    cpus: null,
    memory: null,
  },
  {
    name: 'version 2 in a namespace that shows the group as the root',
    files: {
      'proc/self/cgroup': '0::/\n',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/cpu.max': '50000 100000\n',
    },
    cpus: 0.5,
    memory: null,
  },
  {
    name: 'version 2, a group outside of the mount',
    files: {
      'proc/self/cgroup': '0::/../../other\n',
      'proc/self/mountinfo': V2_MOUNT,
      'sys/fs/cgroup/cpu.max': '200000 100000\n',
    },
    cpus: 2,
    memory: null,
  },
  {
    name: 'version 1, controllers in one mount, a container’s view of its own group, a blank in the path',
    files: {
      'proc/self/cgroup': '5:memory:/docker/c1\n4:cpu,cpuacct:/docker/c1\n1:name=systemd:/\n0::/\n',
      'proc/self/mountinfo':
        '31 25 0:27 /docker/c1 /sys/fs/cgroup/cpu\\040set ro - cgroup cgroup rw,cpu,cpuacct\n' +
        '32 25 0:28 /docker/c1 /sys/fs/cgroup/memory ro shared:9 - cgroup cgroup rw,memory\n',
      'sys/fs/cgroup/cpu set/cpu.cfs_quota_us': '250000\n',
      'sys/fs/cgroup/cpu set/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '314572800\n',
    },
    cpus: 2.5,
    memory: 314572800,
  },
  {
    name: 'version 1 without limits',
    files: {
      'proc/self/cgroup': '5:memory:/\n4:cpu:/\n',
      'proc/self/mountinfo':
        '31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n32 25 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    },
    cpus: null,
    memory: null,
  },
];

describe('container limits', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'adaptune-limits-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  for (const { name, files, cpus, memory } of CASES)
    it(name, () => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), content);
      }
      expect(binding().containerLimits(root)).to.deep.equal({ cpus, memory });
    });

  it('the default number of threads fits affinity and quota', () => {
    const { affinityCpus, logicalCpus, quotaCpus, defaultThreads } = binding().systemInfo();
    expect(affinityCpus).to.be.within(1, Math.max(1, logicalCpus));
    expect(defaultThreads).to.equal(Math.max(1, Math.min(affinityCpus, Math.floor(quotaCpus ?? Infinity))));
  });
});
