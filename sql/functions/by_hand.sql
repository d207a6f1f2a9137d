create or replace function outbox.by_hand(done text, reason text, required boolean) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- How the ledger says that somebody did something by hand: "skipped by alice: their old system cannot take it".
-- Arguments: done, what was done; reason, in the words of who did it; required, whether there must be one.
-- Returns: one sentence; the name is that of the login, whatever role it has taken on.
-- Raises: OX032 no reason where one is required, or one of more than 500 characters.
-- Touches: nothing.
declare
    _reason text := nullif(btrim(by_hand.reason, E' \t\r\n'), '');
begin
    if _reason is null and by_hand.required then
        raise exception 'no reason is given' using errcode = 'OX032',
            hint = 'It goes on record, for whoever asks later: reason => ''their old system cannot take it''.';
    elsif length(_reason) > 500 then
        raise exception 'the reason has % characters', length(_reason) using errcode = 'OX032', detail = 'The limit is 500.';
    end if;
    return by_hand.done || ' by ' || session_user || coalesce(': ' || _reason, '');
end
$$;
