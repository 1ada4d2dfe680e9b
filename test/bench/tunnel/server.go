package main

// server is the pod that the benchmark downloads from. It needs nothing but
// the perl of Debian's minimal system, which every Flink image is built on:
// /N answers with N MiB.
const server = `use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; $| = 1;
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 256, ReuseAddr => 1) or die $!;
my $b = 'x' x (1 << 20);
while (1) {
  my $c = $s->accept or next;
  if (fork()) { close $c; next }
  my $r = <$c>; while (<$c>) { last if /^\r?\n$/ }
  my ($n) = $r =~ m{/(\d+)}; $n //= 0;
  syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: " . ($n << 20) . "\r\nConnection: close\r\n\r\n";
  while ($n-- > 0) { my $o = 0; while ($o < length $b) { my $w = syswrite($c, $b, length($b) - $o, $o); exit unless defined $w; $o += $w } }
  exit;
}`
