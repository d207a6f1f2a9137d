-- An order as subscribers see it: two members, and news only when the status changes.
\connect - pizza

create function order_status(_id text) returns jsonb
language plpgsql stable security definer
set search_path = public, pg_temp
as $$
begin
    return (select jsonb_build_object('orderId', o.order_id, 'status', o.status) from orders o where o.order_id = _id);
end
$$;
revoke execute on function order_status(text) from public;

select outbox.define_object('Order', 'orders', builder => 'order_status', only_columns => '{status}');
