# Knocks at TCP ports of an address. Prints {"open":[…],"refused":[…]}; of all others nothing is heard, not even to the second try that the
# kernel makes after a second. Whether one answered is asked of the kernel, however late this program gets its turn.
# Arguments: address, first port, last port.
use strict;
use warnings;
use Errno qw(ECONNREFUSED EHOSTUNREACH EINPROGRESS ETIMEDOUT);
use Fcntl;
use Socket;

my $wait_seconds = 1.5;
my $at_once = 16_000;

my ($address, $first, $last) = @ARGV;
my (@open, @refused);
for (my $from = $first; $from <= $last; $from += $at_once) {
  my $to = $from + $at_once - 1;
  $to = $last if $to > $last;
  my %knocked;
  for my $port ($from .. $to) {
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    fcntl $socket, F_SETFL, O_NONBLOCK or die "fcntl: $!";
    $knocked{$port} = $socket;
    next if connect $socket, sockaddr_in($port, inet_aton($address));
    die "port $port: $!" unless $! == EINPROGRESS || $! == ECONNREFUSED;
  }
  select undef, undef, undef, $wait_seconds;
  for my $port ($from .. $to) {
    my $socket = $knocked{$port};
    my $error = unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR;
    if (getpeername $socket) { push @open, $port }
    elsif ($error == ECONNREFUSED) { push @refused, $port }
    elsif ($error != 0 && $error != EHOSTUNREACH && $error != ETIMEDOUT) { die "port $port: error $error" }
  }
}
printf "{\"open\":[%s],\"refused\":[%s]}", join(',', @open), join(',', @refused);
