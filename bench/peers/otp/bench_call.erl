%% gen_server:call from many clients to few servers, each a counter: what a volatile command costs in Erlang/OTP.
%% main([Clients, Servers, Calls, WarmUp]) prints RESULT elapsed_us N calls N; the servers' counts are checked.
-module(bench_call).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

init(Count) -> {ok, Count}.

handle_call({increment, By}, _From, Count) -> {reply, Count + By, Count + By};
handle_call(count, _From, Count) -> {reply, Count, Count}.

handle_cast(_Message, Count) -> {noreply, Count}.

main(Args) ->
    [Clients, Servers, Calls, WarmUp] = [list_to_integer(Arg) || Arg <- Args],
    Pids = list_to_tuple([element(2, {ok, _} = gen_server:start_link(?MODULE, 0, [])) || _ <- lists:seq(1, Servers)]),
    Warm = run(Pids, Clients, WarmUp),
    Start = erlang:monotonic_time(microsecond),
    Done = run(Pids, Clients, Calls),
    Elapsed = erlang:monotonic_time(microsecond) - Start,
    Count = lists:sum([gen_server:call(Pid, count) || Pid <- tuple_to_list(Pids)]),
    Count = Warm + Done,
    io:format("RESULT elapsed_us ~b calls ~b~n", [Elapsed, Done]),
    halt(0).

%% Every client makes the same number of calls, one at a time, to the servers in turn.
run(Pids, Clients, Calls) ->
    Each = Calls div Clients,
    Refs = [element(2, spawn_monitor(fun() -> client(Pids, First, Each) end)) || First <- lists:seq(1, Clients)],
    [receive {'DOWN', Ref, process, _, normal} -> ok end || Ref <- Refs],
    Each * Clients.

client(_Pids, _At, 0) -> ok;
client(Pids, At, Left) ->
    Pid = element(1 + At rem tuple_size(Pids), Pids),
    Count = gen_server:call(Pid, {increment, 1}),
    true = is_integer(Count),
    client(Pids, At + 1, Left - 1).
