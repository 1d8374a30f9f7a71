%% The programs of the Savina suite as Erlang processes: the same work, messages and drawn numbers as the Synapse
%% actors of bench/savina/. main([Program | Parameters]) prints RESULT elapsed_us N result N; the caller checks the result.
-module(bench_savina).
-export([main/1]).

-define(THETA, 37.2).
-define(DICTIONARY_KEYS, 524288).
-define(OPENING_BALANCE, 1000000).

main([Program | Args]) ->
    Given = [list_to_integer(Arg) || Arg <- Args],
    Start = erlang:monotonic_time(microsecond),
    {Elapsed, Result} =
        case run(Program, Given) of
            %% What is summed up afterwards is not part of the program.
            {Finish} ->
                Took = erlang:monotonic_time(microsecond) - Start,
                {Took, Finish()};
            Value ->
                {erlang:monotonic_time(microsecond) - Start, Value}
        end,
    io:format("RESULT elapsed_us ~b result ~b~n", [Elapsed, Result]),
    halt(0).

next(Drawn) -> Drawn * 16807 rem 2147483647.
seed(Id) -> next(next(Id + 1)).

compute() ->
    Sine = math:sin(?THETA),
    true = Sine * Sine > 0.

run("ping-pong", [Count]) ->
    Pong = spawn(fun pong/0),
    ping(Pong, Count, 0);
run("counting", [Count]) ->
    Self = self(),
    Tally = spawn(fun() -> tally(0) end),
    times(Count, fun() -> Tally ! increment end),
    Tally ! {retrieve, Self},
    receive {counted, Counted} -> Counted end;
run("fork-join", [Messages, Actors]) ->
    Self = self(),
    All = [spawn(fun() -> joiner(Self, 0) end) || _ <- lists:seq(1, Actors)],
    times(Messages, fun() -> [Pid ! {work, Messages} || Pid <- All] end),
    lists:sum([receive {done, Done} -> Done end || _ <- All]);
run("creation", [Actors]) ->
    Self = self(),
    times(Actors, fun() -> spawn(fun() -> receive work -> compute(), Self ! done end end) ! work end),
    times(Actors, fun() -> receive done -> ok end end),
    Actors;
run("thread-ring", [Actors, Hops]) ->
    Self = self(),
    Links = [spawn(fun() -> link_of_ring(At, Self) end) || At <- lists:seq(0, Actors - 1)],
    [Head | Rest] = Links,
    [Pid ! {next, Next} || {Pid, Next} <- lists:zip(Links, Rest ++ [Head])],
    Head ! {hop, Hops},
    receive {ended, At} -> At + 1 end;
run("chameneos", [Creatures, Meetings]) ->
    Self = self(),
    [spawn(fun() -> Self ! {meet, At rem 3, self()}, creature(Self, At rem 3, 0) end) || At <- lists:seq(0, Creatures - 1)],
    mall(Meetings, none, Creatures, 0);
run("big", [Actors, Pings]) ->
    Self = self(),
    All = [spawn(fun() -> peer(Self, At) end) || At <- lists:seq(0, Actors - 1)],
    Peers = list_to_tuple(All),
    [Pid ! {start, Peers, Pings} || Pid <- All],
    lists:sum([receive {done, Done} -> Done end || _ <- All]);
run("dictionary", [Workers, Messages, WritePercent]) ->
    Self = self(),
    Dictionary = spawn(fun() -> dictionary(#{}) end),
    [spawn(fun() -> reader(Self, Dictionary, seed(At), Messages, WritePercent) end) || At <- lists:seq(0, Workers - 1)],
    times(Workers, fun() -> receive done -> ok end end),
    Dictionary ! {size, Self},
    receive {size, Size} -> Workers * Messages + Size end;
run("bounded-buffer", [Places, Producers, Consumers, Items, Cost]) ->
    Self = self(),
    Ready = [spawn(fun() -> consumer(Self, 0.0) end) || _ <- lists:seq(1, Consumers)],
    [spawn(fun() -> self() ! produce, producer(Self, Items, Cost, 0.0) end) || _ <- lists:seq(1, Producers)],
    buffer(max(1, Places - Producers), Cost, queue:new(), queue:new(), queue:from_list(Ready), Producers * Items, 0);
run("philosophers", [Count, Meals]) ->
    Self = self(),
    [spawn(fun() -> Self ! {hungry, At, self()}, philosopher(Self, At, Meals) end) || At <- lists:seq(0, Count - 1)],
    table(Count, 0, Count * Meals, 0);
run("bank", [Accounts, Transactions]) ->
    Self = self(),
    All = list_to_tuple([spawn(fun() -> account(?OPENING_BALANCE) end) || _ <- lists:seq(1, Accounts)]),
    transact(Transactions, seed(0), All, Accounts, Self),
    times(Transactions, fun() -> receive answer -> ok end end),
    {fun() ->
        Held = [begin Pid ! {balance, Self}, receive {balance, Balance} -> Balance end end || Pid <- tuple_to_list(All)],
        lists:sum(Held) + Transactions
    end};
run("barber", [Haircuts, Chairs, Rate, CutRate]) ->
    Self = self(),
    Barber = spawn(fun() -> barber(seed(1), CutRate) end),
    Room = spawn(fun() -> room(Chairs, Barber, queue:new(), 0, true) end),
    Factory = spawn(fun() -> factory(Self, Room, Haircuts, Rate, seed(0)) end),
    receive {cut, Factory, Cut} -> Cut end.

times(0, _Do) -> ok;
times(Left, Do) -> Do(), times(Left - 1, Do).

pong() -> receive {ping, From} -> From ! pong, pong() end.

ping(_Pong, 0, Answered) -> Answered;
ping(Pong, Left, Answered) ->
    Pong ! {ping, self()},
    receive pong -> ping(Pong, Left - 1, Answered + 1) end.

tally(Count) ->
    receive
        increment -> tally(Count + 1);
        {retrieve, From} -> From ! {counted, Count}
    end.

joiner(Main, Count) ->
    receive
        {work, Messages} ->
            compute(),
            case Count + 1 of
                Messages -> Main ! {done, Messages};
                More -> joiner(Main, More)
            end
    end.

link_of_ring(At, Main) -> receive {next, Next} -> link_of_ring(At, Main, Next) end.

link_of_ring(At, Main, Next) ->
    receive
        {hop, 0} -> Main ! {ended, At};
        {hop, Left} -> Next ! {hop, Left - 1}, link_of_ring(At, Main, Next)
    end.

%% Two that meet turn to the third colour; two of one colour keep it.
complement(Color, Color) -> Color;
complement(Mine, Other) -> 3 - Mine - Other.

mall(0, none, 0, Counted) -> Counted;
mall(Left, Waiting, Creatures, Counted) ->
    receive
        {meet, _Color, From} when Left =:= 0 -> From ! fade, mall(0, none, Creatures, Counted);
        {meet, _Color, From} when Waiting =:= none -> mall(Left, From, Creatures, Counted);
        {meet, Color, From} -> Waiting ! {meet, Color, From}, mall(Left - 1, none, Creatures, Counted);
        {faded, Meetings} -> mall(Left, Waiting, Creatures - 1, Counted + Meetings)
    end.

creature(Mall, Color, Meetings) ->
    receive
        {meet, Other, From} ->
            New = complement(Color, Other),
            From ! {change, New},
            Mall ! {meet, New, self()},
            creature(Mall, New, Meetings + 1);
        {change, New} ->
            Mall ! {meet, New, self()},
            creature(Mall, New, Meetings + 1);
        fade -> Mall ! {faded, Meetings}
    end.

peer(Main, At) ->
    receive {start, Peers, Pings} ->
        Drawn = next(seed(At)),
        Awaited = element(1 + Drawn rem tuple_size(Peers), Peers),
        Awaited ! {ping, self()},
        peer(Main, Peers, Pings - 1, 0, Drawn, Awaited)
    end.

peer(Main, Peers, Left, Answered, Drawn, Awaited) ->
    receive
        {ping, From} ->
            From ! {pong, self()},
            peer(Main, Peers, Left, Answered, Drawn, Awaited);
        {pong, From} ->
            Awaited = From,
            case Left of
                0 ->
                    Main ! {done, Answered + 1},
                    peer(Main, Peers, Left, Answered + 1, Drawn, none);
                _ ->
                    New = next(Drawn),
                    To = element(1 + New rem tuple_size(Peers), Peers),
                    To ! {ping, self()},
                    peer(Main, Peers, Left - 1, Answered + 1, New, To)
            end
    end.

dictionary(Entries) ->
    receive
        {write, Key, Value, From} -> From ! {answer, Value}, dictionary(Entries#{Key => Value});
        {read, Key, From} -> From ! {answer, maps:get(Key, Entries, 0)}, dictionary(Entries);
        {size, From} -> From ! {size, maps:size(Entries)}
    end.

reader(Main, _Dictionary, _Drawn, 0, _WritePercent) -> Main ! done;
reader(Main, Dictionary, Drawn, Left, WritePercent) ->
    Choice = next(Drawn),
    New = next(Choice),
    Key = New rem ?DICTIONARY_KEYS,
    case Choice rem 100 < WritePercent of
        true -> Dictionary ! {write, Key, New, self()};
        false -> Dictionary ! {read, Key, self()}
    end,
    receive {answer, _Value} -> reader(Main, Dictionary, New, Left - 1, WritePercent) end.

%% A hundred logarithms for each unit of cost.
process_item(From, Cost) -> logarithms(Cost * 100, seed(Cost), From).

logarithms(0, _Drawn, Result) -> Result;
logarithms(Left, Drawn, Result) ->
    New = next(Drawn),
    logarithms(Left - 1, New, Result + math:log(New / 2147483647 + 0.01)).

producer(_Buffer, 0, _Cost, _Item) -> ok;
producer(Buffer, Left, Cost, Item) ->
    receive produce ->
        New = process_item(Item, Cost),
        Buffer ! {put, New, self()},
        producer(Buffer, Left - 1, Cost, New)
    end.

consumer(Buffer, Last) ->
    receive {consume, Item, Cost} ->
        New = process_item(Last + Item, Cost),
        Buffer ! {available, self()},
        consumer(Buffer, New)
    end.

buffer(_Limit, _Cost, _Pending, _Producers, _Consumers, Items, Items) -> Items;
buffer(Limit, Cost, Pending, Producers, Consumers, Items, Consumed) ->
    receive
        {put, Item, From} ->
            {Kept, Ready} =
                case queue:out(Consumers) of
                    {empty, _} -> {queue:in(Item, Pending), Consumers};
                    {{value, Consumer}, Others} -> Consumer ! {consume, Item, Cost}, {Pending, Others}
                end,
            Waiting =
                case queue:len(Kept) >= Limit of
                    true -> queue:in(From, Producers);
                    false -> From ! produce, Producers
                end,
            buffer(Limit, Cost, Kept, Waiting, Ready, Items, Consumed);
        {available, From} ->
            case queue:out(Pending) of
                {empty, _} -> buffer(Limit, Cost, Pending, Producers, queue:in(From, Consumers), Items, Consumed + 1);
                {{value, Item}, Kept} ->
                    From ! {consume, Item, Cost},
                    Waiting =
                        case queue:out(Producers) of
                            {empty, _} -> Producers;
                            {{value, Producer}, Others} -> Producer ! produce, Others
                        end,
                    buffer(Limit, Cost, Kept, Waiting, Consumers, Items, Consumed + 1)
            end
    end.

%% Forks on the table as bits: the left fork of philosopher I is bit I.
table(_Count, _Taken, Meals, Meals) -> Meals;
table(Count, Taken, Meals, Eaten) ->
    receive
        {hungry, At, From} ->
            Forks = forks(At, Count),
            case Taken band Forks of
                0 -> From ! eat, table(Count, Taken bor Forks, Meals, Eaten);
                _ -> From ! denied, table(Count, Taken, Meals, Eaten)
            end;
        {done, At} -> table(Count, Taken band bnot forks(At, Count), Meals, Eaten + 1)
    end.

forks(At, Count) -> (1 bsl At) bor (1 bsl ((At + 1) rem Count)).

philosopher(Table, At, Left) ->
    receive
        denied ->
            Table ! {hungry, At, self()},
            philosopher(Table, At, Left);
        eat when Left =:= 1 -> Table ! {done, At};
        eat ->
            Table ! {done, At},
            Table ! {hungry, At, self()},
            philosopher(Table, At, Left - 1)
    end.

transact(0, _Drawn, _All, _Accounts, _Main) -> ok;
transact(Left, Drawn, All, Accounts, Main) ->
    First = next(Drawn),
    From = First rem (Accounts div 10 * 8),
    Second = next(First),
    To = From + max(1, Second rem (Accounts - From)),
    Third = next(Second),
    element(From + 1, All) ! {transfer, element(To + 1, All), Third rem 1000, Main},
    transact(Left - 1, Third, All, Accounts, Main).

account(Balance) ->
    receive
        {transfer, To, Amount, Main} ->
            To ! {deposit, Amount, self()},
            %% Nothing else is done before the other has answered.
            receive deposited -> Main ! answer, account(Balance - Amount) end;
        {deposit, Amount, From} -> From ! deposited, account(Balance + Amount);
        {balance, From} -> From ! {balance, Balance}, account(Balance)
    end.

busy_wait(Drawn, Rate) -> New = next(Drawn), spin(New rem Rate + 10, New).

spin(0, Counted) -> Counted;
spin(Left, Counted) -> spin(Left - 1, next(Counted)).

factory(Main, Room, Haircuts, Rate, Drawn) ->
    self() ! {produce, 0},
    factory(Main, Room, Haircuts, Rate, Drawn, Haircuts, 0).

factory(Main, _Room, Haircuts, _Rate, _Drawn, 0, Haircuts) -> Main ! {cut, self(), Haircuts};
factory(Main, Room, Haircuts, Rate, Drawn, Left, Cut) ->
    Self = self(),
    receive
        {produce, Pauses} when Pauses > 0 ->
            self() ! {produce, Pauses - 1},
            factory(Main, Room, Haircuts, Rate, Drawn, Left, Cut);
        {produce, 0} ->
            Room ! {enter, spawn(fun() -> customer(Self) end)},
            New = busy_wait(Drawn, Rate),
            if Left > 1 -> self() ! {produce, 3}; true -> ok end,
            factory(Main, Room, Haircuts, Rate, New, Left - 1, Cut);
        {returned, Customer} ->
            Room ! {enter, Customer},
            factory(Main, Room, Haircuts, Rate, Drawn, Left, Cut);
        done -> factory(Main, Room, Haircuts, Rate, Drawn, Left, Cut + 1)
    end.

room(Chairs, Barber, Waiting, Length, IsAsleep) ->
    receive
        {enter, Customer} when Length =:= Chairs ->
            Customer ! full,
            room(Chairs, Barber, Waiting, Length, IsAsleep);
        {enter, Customer} ->
            if IsAsleep -> self() ! next; true -> Customer ! wait end,
            room(Chairs, Barber, queue:in(Customer, Waiting), Length + 1, false);
        next ->
            case queue:out(Waiting) of
                {empty, _} -> room(Chairs, Barber, Waiting, Length, true);
                {{value, Customer}, Others} ->
                    Barber ! {enter, Customer, self()},
                    room(Chairs, Barber, Others, Length - 1, IsAsleep)
            end
    end.

barber(Drawn, Rate) ->
    receive {enter, Customer, Room} ->
        Customer ! start,
        New = busy_wait(Drawn, Rate),
        Customer ! done,
        Room ! next,
        barber(New, Rate)
    end.

customer(Factory) ->
    receive
        full -> Factory ! {returned, self()}, customer(Factory);
        wait -> customer(Factory);
        start -> customer(Factory);
        done -> Factory ! done
    end.
