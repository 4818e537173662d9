/**
 * The signature of an address (`sig` among its parameters), also where the address is escaped in JSON, HTML or another address. Random bytes in base64 may end
 * in "sig=" as well; they have no separator before it.
 */
export const signature = /(?:[?&;]|u0026|%26|%3F)sig(?:=|%3D)/i;
