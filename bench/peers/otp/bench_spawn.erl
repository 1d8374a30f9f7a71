%% Processes in large numbers: idle ones that hold a number each, and a skynet of ten children to a process.
%% main([made, Count]) or main([skynet, Size]); the process limit is raised by the caller's +P where it is needed.
-module(bench_spawn).
-export([main/1]).

main(["made", Arg]) ->
    Count = list_to_integer(Arg),
    Before = resident(),
    Start = erlang:monotonic_time(microsecond),
    Kept = atomics:new(1, []),
    Pids = make(Count, Kept, []),
    await(Kept, Count),
    Elapsed = erlang:monotonic_time(microsecond) - Start,
    Bytes = resident() - Before,
    Self = self(),
    [Pid ! {ask, Self} || Pid <- Pids],
    Sum = collect(Count, 0),
    Sum = Count * (Count - 1) div 2,
    io:format("RESULT elapsed_us ~b bytes ~b~n", [Elapsed, max(0, Bytes)]),
    halt(0);
main(["skynet", Arg]) ->
    Size = list_to_integer(Arg),
    Self = self(),
    Start = erlang:monotonic_time(microsecond),
    spawn(fun() -> node(Self, 0, Size) end),
    Sum = receive {sum, Value} -> Value end,
    Elapsed = erlang:monotonic_time(microsecond) - Start,
    Sum = Size * (Size - 1) div 2,
    io:format("RESULT elapsed_us ~b~n", [Elapsed]),
    halt(0).

make(0, _Kept, Pids) -> Pids;
make(Left, Kept, Pids) ->
    Pid = spawn(fun() -> idle(0, Kept) end),
    Pid ! {keep, Left - 1},
    make(Left - 1, Kept, [Pid | Pids]).

idle(Value, Kept) ->
    receive
        {keep, New} -> atomics:add(Kept, 1, 1), idle(New, Kept);
        {ask, From} -> From ! {value, Value}, idle(Value, Kept)
    end.

%% Until every process has taken its message.
await(Kept, Count) ->
    case atomics:get(Kept, 1) of
        Count -> ok;
        _ -> receive after 1 -> await(Kept, Count) end
    end.

collect(0, Sum) -> Sum;
collect(Left, Sum) -> receive {value, Value} -> collect(Left - 1, Sum + Value) end.

node(Parent, First, 1) -> Parent ! {sum, First};
node(Parent, First, Size) ->
    Part = Size div 10,
    Self = self(),
    [spawn(fun() -> node(Self, First + I * Part, Part) end) || I <- lists:seq(0, 9)],
    Parent ! {sum, gather(10, 0)}.

gather(0, Sum) -> Sum;
gather(Left, Sum) -> receive {sum, Value} -> gather(Left - 1, Sum + Value) end.

resident() ->
    {ok, Text} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Text, "VmRSS:\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.
